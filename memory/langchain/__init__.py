"""Memory for agents of LangChain and LangGraph: what lies behind the public middleware and store."""
