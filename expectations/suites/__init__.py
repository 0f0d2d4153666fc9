"""Great Expectations suites over raw data. With ``gates/`` the only code that imports GX."""
