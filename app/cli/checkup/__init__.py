"""The checks of `relay doctor`, one system a module."""
