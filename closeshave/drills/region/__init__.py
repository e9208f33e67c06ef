"""Drills that build a region anew, while customers are served by the others."""

ABOUT = "a region, built anew"
