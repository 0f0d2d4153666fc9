"""One thin file for each command of `explorer`. The work is in the rooms beside."""
