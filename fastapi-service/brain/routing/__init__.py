"""What kind of question is this, and who should answer it?"""
