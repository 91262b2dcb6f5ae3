"""Images of people aligned with their genetics by contrasting one with the other.

Source: Taleb, Kirchler, Monti, Lippert, ContIG, CVPR 2022 (arXiv 2111.13424).
"""
