"""What is stored, what is missing and what it was made from. Knows no Dagster."""
