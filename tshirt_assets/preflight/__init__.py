"""What can be known of a corpus before anything is paid for: one file per check."""
