"""The light reference party, its start-up kit and its doctor. Imports `protocol` and `errors`."""
