"""The access log as a page: one self-contained file to read, print and hand over.

A report is HTML with its style and its script inside, and nothing else: it asks for nothing over
the network and opens from a disk. Its Content-Security-Policy names the hashes of the one style and
the one script, so that nothing else runs even if it were there. All of it can be read without the
script, which adds searching, sorting and filtering.

Every text from people is data: escaped where it stands as text, and only ever set as text by the
script. `facts` is what a report is made of, `page` the page for members, `outsider` the one for a
board or a funder, which holds no id, no name and no exact small number.
"""

from vault.report.facts import Facts, Person, Verification
from vault.report.outsider import outsider
from vault.report.page import page

__all__ = ["Facts", "Person", "Verification", "outsider", "page"]
