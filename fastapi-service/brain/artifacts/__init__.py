"""Files in and files out: what attachments say, and what an answer hands over as files."""
