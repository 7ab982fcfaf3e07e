"""What a run would compute and what it would take, before anything is paid for."""
