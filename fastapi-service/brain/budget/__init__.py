"""How many tokens a person may use in a week, and has used."""
