"""The page in the browser that shows the channels as Discord would."""
