"""All that takes part in one drill."""

from dataclasses import dataclass

from tests.drill.listener import Listener
from tests.drill.lookout import Lookout
from tests.drill.mail import Postman
from tests.drill.mischief import Mischief
from tests.drill.polled import Catalogue
from tests.drill.relay import PacedSandbox, Relay
from tests.drill.shop import Shop


@dataclass
class Scene:
    """The relay, the CRM, the shop, who listens and who looks on."""

    relay: Relay
    sandbox: PacedSandbox
    listener: Listener
    lookout: Lookout
    shop: Shop
    postman: Postman
    catalogue: Catalogue
    mischief: Mischief
