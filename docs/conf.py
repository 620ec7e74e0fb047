"""How the pages become a site: everything in it, and nothing from elsewhere."""

from okr_service import __version__

project = "okr-service"
version = release = __version__
extensions = ["myst_parser"]
exclude_patterns = ["recipes/*.py"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
suppress_warnings: list[str] = []
nitpicky = True
html_theme = "furo"
html_title = f"okr-service {release}"
html_copy_source = False
html_show_sphinx = False
html_permalinks_icon = "#"
