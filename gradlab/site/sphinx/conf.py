"""Sphinx's settings for the site. Whatever would ask the network for anything is off."""

import re

project = "gradlab"
author = "The gradlab authors"
copyright = author
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_static"]
templates_path = ["templates"]
suppress_warnings = ["config.cache"]

nb_execution_mode = "off"  # the notebooks were executed when they were rendered
nb_ipywidgets_js: dict[
    str, dict[str, str]
] = {}  # no require.js and no widget manager from a CDN: the panels are the site's own
nb_merge_streams = True
nb_render_markdown_format = "myst"  # as the text around it: the tables of a cell's output are tables
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # the shapes and units are in the words; the types are for type checkers
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # a method that TensorFlow wrote has its text at TensorFlow
napoleon_numpy_docstring = True
default_role = "code"  # single backticks in docstrings are code
nitpick_ignore_regex = [("py:.*", ".*")]  # types in docstrings are words; links between pages are checked all the same

html_theme = "pydata_sphinx_theme"
html_title = "gradlab"
html_static_path = ["_static"]
html_css_files = ["gradlab.css"]
html_js_files = [("gradlab.js", {"defer": "defer"})]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # it fetches the pages, which a browser refuses on file://
html_show_sphinx = False
html_context = {"default_mode": "light"}  # without scripts; with them templates/layout.html follows the screen
html_last_updated_fmt = None
# A page without pages below it has no list of them at its left.
html_sidebars: dict[str, list[str]] = {page: [] for page in ("index", "search", "none", "questions", "docs/teaching")}
# "On this page", where a page is long and has no panels and wide tables, which need the room.
_LISTED = ("none", "questions", "docs/teaching", "docs/glossary", "docs/decision_tree", "reference/**")
html_theme_options = {
    "secondary_sidebar_items": {page: ["page-toc"] for page in _LISTED},
    "show_prev_next": True,
    "navigation_with_keys": False,  # the arrow keys belong to the panels
    "show_toc_level": 2,
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "footer_start": [],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

_SCRIPT = re.compile(r'\s*<script defer src="([^"]*)"></script>')
_PRELOAD = re.compile(r'\s*<link rel="preload" as="script"[^>]*>')


def scripts_later(html: str) -> str:
    """The theme's own scripts (menus, colour mode) as marks that the site's script turns into scripts after the first panel.

    Without the one of Font Awesome: the icons are letters of a font, and it is there for those who add icons of their own.
    """

    def later(match: re.Match[str]) -> str:
        return "" if "/fontawesome.js" in match[1] else f'\n  <meta name="gradlab-later" content="{match[1]}">'

    return _SCRIPT.sub(later, _PRELOAD.sub("", html))


def setup(app):  # type: ignore[no-untyped-def]
    """Sphinx calls this; the filter is for templates/layout.html."""
    app.connect(
        "builder-inited", lambda app: app.builder.templates.environment.filters.update(scripts_later=scripts_later)
    )
