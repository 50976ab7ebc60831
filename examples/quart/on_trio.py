"""The same notice board on trio, with Quart-Trio.

nonecorn serve --worker trio --app-dir examples/quart on_trio
"""

from board import create
from quart_trio import QuartTrio

app = create(QuartTrio)
