"""Settings for every test: Hypothesis without deadlines, since the first example of a test may compile."""

from hypothesis import settings

settings.register_profile("afterproof", deadline=None, print_blob=True)
settings.load_profile("afterproof")
