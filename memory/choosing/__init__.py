"""What recall policies go by: what the agent does alone, clusters, relevance, surprise."""
