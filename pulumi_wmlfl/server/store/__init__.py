"""Where the service keeps its objects and their content."""
