"""NTU RGB+D 60 and 120: names of the actions and the four published protocols.

Sources: Shahroudy et al., "NTU RGB+D: A large scale dataset for 3D human activity analysis" (CVPR 2016),
section 3.2; Liu et al., "NTU RGB+D 120" (TPAMI 2020), section 3.3.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

__all__ = ["ACTIONS", "FPS", "Place", "people_of", "protocols_of"]

FPS = 30.0

# As on the data set's page, in the order of their numbers; the first 60 are those of NTU RGB+D.
_NAMES = """
    drink water, eat meal, brush teeth, brush hair, drop, pick up, throw, sit down, stand up, clapping,
    reading, writing, tear up paper, put on jacket, take off jacket, put on a shoe, take off a shoe,
    put on glasses, take off glasses, put on a hat, take off a hat, cheer up, hand waving, kicking something,
    reach into pocket, hopping, jump up, phone call, play with phone, type on a keyboard,
    point to something, taking a selfie, check time, rub two hands, nod head, shake head,
    wipe face, salute, put palms together, cross hands in front, sneeze, staggering, falling down,
    headache, chest pain, back pain, neck pain, nausea, fan self, punch, kicking, pushing, pat on back,
    point finger, hugging, giving object, touch pocket, shaking hands, walking towards, walking apart,
    put on headphone, take off headphone, shoot at basket, bounce ball, tennis bat swing,
    juggle table tennis ball, hush, flick hair, thumb up, thumb down, make OK sign, make victory sign,
    staple book, counting money, cutting nails, cutting paper, snap fingers, open bottle, sniff, squat down,
    toss a coin, fold paper, ball up paper, play magic cube, apply cream on face, apply cream on hand,
    put on bag, take off bag, put object into bag, take object out of bag, open a box, move heavy objects,
    shake fist, throw up cap, hands up, cross arms, arm circles, arm swings, run on the spot, butt kicks,
    cross toe touch, side kick, yawn, stretch oneself, blow nose, hit with object, wield knife, knock over,
    grab stuff, shoot with gun, step on foot, high-five, cheers and drink, carry object, take a photo, follow,
    whisper, exchange things, support another person, rock-paper-scissors
    """
ACTIONS = tuple(" ".join(name.split()) for name in _NAMES.split(","))

XSUB_60 = frozenset((1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38))
XSUB_120 = XSUB_60 | frozenset(
    (45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86, 89, 91, 92,
     93, 94, 95, 97, 98, 100, 103)
)  # fmt: skip
XVIEW_CAMERAS = frozenset((2, 3))
# NTU RGB+D 60 has 17 setups, 40 persons and 60 actions; any number beyond is of NTU RGB+D 120.
_OF_60 = (17, 40, 60)


class Place(NamedTuple):
    """The numbers in a file name."""

    setup: int
    camera: int
    person: int
    take: int
    action: int

    def part(self, protocol: str) -> Literal["train", "test"]:
        """Where the published protocol puts the clip."""
        trains = {
            "xsub60": self.person in XSUB_60,
            "xview60": self.camera in XVIEW_CAMERAS,
            "xsub120": self.person in XSUB_120,
            "xset120": self.setup % 2 == 0,
        }[protocol]
        return "train" if trains else "test"


def protocols_of(places: Iterable[Place]) -> tuple[str, str]:
    """The protocols of the data set that the files are of, cross-subject first."""
    beyond = any(
        place.setup > _OF_60[0] or place.person > _OF_60[1] or place.action > _OF_60[2] for place in places
    )
    return ("xsub120", "xset120") if beyond else ("xsub60", "xview60")


def people_of(action: int) -> Literal[1, 2]:
    """How many people perform an action: 50 to 60 and 106 to 120 are interactions of two."""
    return 2 if 50 <= action <= 60 or 106 <= action <= 120 else 1
