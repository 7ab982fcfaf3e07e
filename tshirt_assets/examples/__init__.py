"""What to do with a selected subset: example code locations, small but real."""
