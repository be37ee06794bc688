"""The release notes, for Sphinx."""

extensions = [
    'openstackdocstheme',
    'reno.sphinxext',
]

project = 'osc-instanceha release notes'
copyright = 'osc-instanceha contributors'

# Nothing is looked up in the network or in a remote repository.
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_repo_name = ''
openstackdocs_use_storyboard = False
openstackdocs_pdf_link = False

# Notes have no version of their own.
release = ''
version = ''

templates_path = ['../../doc/source/_templates']
html_theme = 'openstackdocs'
html_title = 'osc-instanceha release notes'
html_theme_options = {
    # No request to anybody when a page is read.
    'analytics_tracking_code': '',
    'display_badge': False,
    'root_title': 'osc-instanceha',
    'sidebar_search': True,
}
pygments_style = 'native'
