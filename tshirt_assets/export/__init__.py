"""Selected subsets as files and frames that training code reads."""
