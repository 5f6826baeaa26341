"""Reports of who: the holders of a learner's slots, or the slots of a member of staff."""
