"""Drills that replace certificates, while customers are served."""

ABOUT = "the edges' certificates"
