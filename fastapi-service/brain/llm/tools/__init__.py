"""What a model may do in the middle of an answer: search the web, read pages, work out sums."""
