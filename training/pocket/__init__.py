"""The pocket model: a small causal language model made here from nothing, so that training has something to train."""
