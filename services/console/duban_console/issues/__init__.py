"""Issues: bulletins as they were signed off, kept with their figures and hash, and sent to whom the pack names.

``issue`` says what one is and who signs it; ``shelf`` keeps them, in tests ``memory``; ``desk`` signs and sends.
"""
