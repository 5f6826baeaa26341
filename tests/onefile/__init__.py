"""Tests of the OneFile client with small hostile servers."""
