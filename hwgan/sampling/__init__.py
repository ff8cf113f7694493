"""Texts and styles in, images of words, lines and pages out."""
