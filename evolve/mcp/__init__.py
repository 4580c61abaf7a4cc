"""A server for assistants that speak the Model Context Protocol: what the commands do, as tools."""
