"""How the pages become a site: everything in it, and nothing from elsewhere."""

from okr_service import __version__

project = "okr-service"
version = release = __version__
extensions = ["myst_parser"]
myst_heading_anchors = 3
nitpicky = True
html_theme = "furo"
html_title = f"okr-service {release}"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_permalinks_icon = "#"
