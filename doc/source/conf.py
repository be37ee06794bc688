"""The documentation, for Sphinx."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / '_ext'))

# The help of a command must not depend on the width of a terminal.
os.environ['COLUMNS'] = '80'

extensions = [
    'cliff.sphinxext',
    'fencing_options',
    'openstackdocstheme',
    'sphinx.ext.autodoc',
]

project = 'osc-instanceha'
copyright = 'osc-instanceha contributors'

exclude_patterns = []

# Nothing is looked up in the network or in git.
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_repo_name = ''
openstackdocs_use_storyboard = False
openstackdocs_pdf_link = False

autoprogram_cliff_application = 'openstack'

autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'
add_module_names = False
python_use_unqualified_type_names = True

templates_path = ['_templates']
html_theme = 'openstackdocs'
html_title = 'osc-instanceha'
html_theme_options = {
    # No request to anybody when a page is read.
    'analytics_tracking_code': '',
    'display_badge': False,
    'root_title': 'osc-instanceha',
    'sidebar_search': True,
}
pygments_style = 'native'
