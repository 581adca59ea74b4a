"""A pytest plugin for users' own infrastructure repositories. Only tests import it."""
