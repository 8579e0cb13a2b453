"""Ways to train an adapter on episodes, one file each; ``training/recipe.py`` says what a recipe is."""
