"""The plan: comparison of declared, observed and recorded state, with policies and limits. Pure: no I/O."""
