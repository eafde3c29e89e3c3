"""Joint layouts: which joint stands at which index, how they hang together, and which are left and right.

A layout is written as a table of `joint<parent` in index order; every left or right joint is called
`left_...` or `right_...`, so the pairs follow from the names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """A joint layout.

    Attributes:
        name: the layout's name, a key of `SKELETONS`.
        joints: J joint names in index order.
        parents: J indices; the parent of each joint, -1 for the root.
        pairs: (left, right) indices of the joints that come in twos.

    Raises:
        ValueError: names repeat, the parents are no tree, or a joint is in two pairs.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        J, who = len(self.joints), f"skeleton {self.name!r}"
        if len(set(self.joints)) != J:
            raise ValueError(f"{who} names a joint twice; {J} different names are needed")
        if len(self.parents) != J:
            raise ValueError(f"{who} has {len(self.parents)} parents; its {J} joints need {J}")
        _check_tree(who, self.parents)
        paired = [joint for pair in self.pairs for joint in pair]
        if len(set(paired)) != len(paired) or any(not 0 <= joint < J for joint in paired):
            raise ValueError(f"{who} has pairs {self.pairs}; each joint 0..{J - 1} may stand in one pair")

    @property
    def num_joints(self) -> int:
        """J."""
        return len(self.joints)

    @property
    def root(self) -> int:
        """Index of the joint without a parent."""
        return self.parents.index(-1)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) of every joint but the root, in index order of the child."""
        return tuple((parent, joint) for joint, parent in enumerate(self.parents) if parent >= 0)

    @property
    def mirror(self) -> tuple[int, ...]:
        """The permutation that swaps left and right: `xyz[..., skeleton.mirror, :]`."""
        order = list(range(self.num_joints))
        for left, right in self.pairs:
            order[left], order[right] = right, left
        return tuple(order)

    def to_dict(self) -> dict[str, Any]:
        """The whole layout as JSON values; `from_dict` reads them."""
        return {
            "name": self.name,
            "joints": list(self.joints),
            "parents": list(self.parents),
            "pairs": [list(pair) for pair in self.pairs],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """What `to_dict` wrote.

        Raises:
            ValueError: a part is missing or of the wrong type, or is no layout.
        """
        try:
            return cls(
                name=str(content["name"]),
                joints=tuple(str(joint) for joint in content["joints"]),
                parents=tuple(int(parent) for parent in content["parents"]),
                pairs=tuple((int(left), int(right)) for left, right in content["pairs"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"a skeleton needs name, joints, parents and pairs: {type(error).__name__} {error}"
            ) from error


def _check_tree(who: str, parents: tuple[int, ...]) -> None:
    """One root, and every joint reaches it."""
    J = len(parents)
    if parents.count(-1) != 1 or any(not -1 <= parent < J for parent in parents):
        raise ValueError(f"{who} has parents {parents}; one -1 (the root) and else 0..{J - 1} are needed")
    for start in range(J):
        joint, steps = start, 0
        while parents[joint] >= 0:
            joint, steps = parents[joint], steps + 1
            if steps > J:
                raise ValueError(f"{who} has a ring of parents at joint {start}; a tree is needed")


def layout(name: str, table: str) -> Skeleton:
    """Read a table of `joint<parent` words in index order; the root stands alone."""
    words = [word.split("<") for word in table.split()]
    joints = tuple(word[0] for word in words)
    parents = tuple(joints.index(word[1]) if len(word) == 2 else -1 for word in words)
    pairs = tuple(
        (left, joints.index("right_" + joint.removeprefix("left_")))
        for left, joint in enumerate(joints)
        if joint.startswith("left_")
    )
    return Skeleton(name=name, joints=joints, parents=parents, pairs=pairs)


# MSR Action3D (Li, Zhang, Liu 2010), the order of its real3d files.
MSR_20 = layout(
    "msr_20",
    """
    left_shoulder<shoulder_center right_shoulder<shoulder_center shoulder_center<spine spine<hip_center
    left_hip<hip_center right_hip<hip_center hip_center
    left_elbow<left_shoulder right_elbow<right_shoulder left_wrist<left_elbow right_wrist<right_elbow
    left_hand<left_wrist right_hand<right_wrist
    left_knee<left_hip right_knee<right_hip left_ankle<left_knee right_ankle<right_knee
    left_foot<left_ankle right_foot<right_ankle head<shoulder_center
    """,
)

# SBU Kinect Interaction (Yun et al. 2012), the order of one person.
SBU_15 = layout(
    "sbu_15",
    """
    head<neck neck<torso torso
    left_shoulder<neck left_elbow<left_shoulder left_hand<left_elbow
    right_shoulder<neck right_elbow<right_shoulder right_hand<right_elbow
    left_hip<torso left_knee<left_hip left_foot<left_knee
    right_hip<torso right_knee<right_hip right_foot<right_knee
    """,
)

# Human3.6M, the 17 of its 32 joints that the field uses (0,1,2,3,6,7,8,12,13,14,15,17,18,19,25,26,27).
H36M_17 = layout(
    "h36m_17",
    """
    hip right_hip<hip right_knee<right_hip right_foot<right_knee
    left_hip<hip left_knee<left_hip left_foot<left_knee
    spine<hip thorax<spine neck_nose<thorax head<neck_nose
    left_shoulder<thorax left_elbow<left_shoulder left_wrist<left_elbow
    right_shoulder<thorax right_elbow<right_shoulder right_wrist<right_elbow
    """,
)

# COCO keypoints (Lin et al. 2014), as RTMPose and MoveNet report them; hips hang from shoulders.
_COCO_BODY = """
    nose left_eye<nose right_eye<nose left_ear<left_eye right_ear<right_eye
    left_shoulder<nose right_shoulder<nose left_elbow<left_shoulder right_elbow<right_shoulder
    left_wrist<left_elbow right_wrist<right_elbow left_hip<left_shoulder right_hip<right_shoulder
    left_knee<left_hip right_knee<right_hip left_ankle<left_knee right_ankle<right_knee
    """
COCO_17 = layout("coco_17", _COCO_BODY)

# OpenPose COCO: POSE_COCO_BODY_PARTS without the background.
COCO_18 = layout(
    "coco_18",
    """
    nose<neck neck
    right_shoulder<neck right_elbow<right_shoulder right_wrist<right_elbow
    left_shoulder<neck left_elbow<left_shoulder left_wrist<left_elbow
    right_hip<neck right_knee<right_hip right_ankle<right_knee
    left_hip<neck left_knee<left_hip left_ankle<left_knee
    right_eye<nose left_eye<nose right_ear<right_eye left_ear<left_eye
    """,
)

# OpenPose BODY_25: POSE_BODY_25_BODY_PARTS without the background.
BODY_25 = layout(
    "body_25",
    """
    nose<neck neck<mid_hip
    right_shoulder<neck right_elbow<right_shoulder right_wrist<right_elbow
    left_shoulder<neck left_elbow<left_shoulder left_wrist<left_elbow
    mid_hip right_hip<mid_hip right_knee<right_hip right_ankle<right_knee
    left_hip<mid_hip left_knee<left_hip left_ankle<left_knee
    right_eye<nose left_eye<nose right_ear<right_eye left_ear<left_eye
    left_big_toe<left_ankle left_small_toe<left_big_toe left_heel<left_ankle
    right_big_toe<right_ankle right_small_toe<right_big_toe right_heel<right_ankle
    """,
)

# OpenPose BODY_25B: as many joints as BODY_25 in another order. It has no mid_hip: hips hang from shoulders.
BODY_25B = layout(
    "body_25b",
    """
    nose<upper_neck left_eye<nose right_eye<nose left_ear<left_eye right_ear<right_eye
    left_shoulder<upper_neck right_shoulder<upper_neck left_elbow<left_shoulder right_elbow<right_shoulder
    left_wrist<left_elbow right_wrist<right_elbow left_hip<left_shoulder right_hip<right_shoulder
    left_knee<left_hip right_knee<right_hip left_ankle<left_knee right_ankle<right_knee
    upper_neck head_top<upper_neck
    left_big_toe<left_ankle left_small_toe<left_big_toe left_heel<left_ankle
    right_big_toe<right_ankle right_small_toe<right_big_toe right_heel<right_ankle
    """,
)

# MediaPipe Pose Landmarker. Its drawing leaves head and trunk apart; here the shoulders hang from the nose.
MEDIAPIPE_33 = layout(
    "mediapipe_33",
    """
    nose left_eye_inner<nose left_eye<left_eye_inner left_eye_outer<left_eye
    right_eye_inner<nose right_eye<right_eye_inner right_eye_outer<right_eye
    left_ear<left_eye_outer right_ear<right_eye_outer left_mouth<nose right_mouth<nose
    left_shoulder<nose right_shoulder<nose left_elbow<left_shoulder right_elbow<right_shoulder
    left_wrist<left_elbow right_wrist<right_elbow left_pinky<left_wrist right_pinky<right_wrist
    left_index<left_wrist right_index<right_wrist left_thumb<left_wrist right_thumb<right_wrist
    left_hip<left_shoulder right_hip<right_shoulder left_knee<left_hip right_knee<right_hip
    left_ankle<left_knee right_ankle<right_knee left_heel<left_ankle right_heel<right_ankle
    left_foot_index<left_ankle right_foot_index<right_ankle
    """,
)

# Kinect for Windows SDK 1 (UTKinect, MSR Daily Activity, G3D, Florence), in the order of its SDK.
KINECT_20 = layout(
    "kinect_20",
    """
    hip_center spine<hip_center shoulder_center<spine head<shoulder_center
    left_shoulder<shoulder_center left_elbow<left_shoulder left_wrist<left_elbow left_hand<left_wrist
    right_shoulder<shoulder_center right_elbow<right_shoulder right_wrist<right_elbow right_hand<right_wrist
    left_hip<hip_center left_knee<left_hip left_ankle<left_knee left_foot<left_ankle
    right_hip<hip_center right_knee<right_hip right_ankle<right_knee right_foot<right_ankle
    """,
)

# Kinect for Windows SDK 2 (NTU RGB+D), the order of its JointType. "left" is the person's left.
KINECT2_25 = layout(
    "kinect2_25",
    """
    spine_base spine_mid<spine_base neck<spine_shoulder head<neck
    left_shoulder<spine_shoulder left_elbow<left_shoulder left_wrist<left_elbow left_hand<left_wrist
    right_shoulder<spine_shoulder right_elbow<right_shoulder right_wrist<right_elbow right_hand<right_wrist
    left_hip<spine_base left_knee<left_hip left_ankle<left_knee left_foot<left_ankle
    right_hip<spine_base right_knee<right_hip right_ankle<right_knee right_foot<right_ankle
    spine_shoulder<spine_mid
    left_hand_tip<left_hand left_thumb<left_hand right_hand_tip<right_hand right_thumb<right_hand
    """,
)

# Halpe (Fang et al., AlphaPose 2022): COCO's 17, then head, neck, hip and the feet.
HALPE_26 = layout(
    "halpe_26",
    """
    nose<head left_eye<nose right_eye<nose left_ear<left_eye right_ear<right_eye
    left_shoulder<neck right_shoulder<neck left_elbow<left_shoulder right_elbow<right_shoulder
    left_wrist<left_elbow right_wrist<right_elbow left_hip<hip right_hip<hip
    left_knee<left_hip right_knee<right_hip left_ankle<left_knee right_ankle<right_knee
    head<neck neck<hip hip
    left_big_toe<left_ankle right_big_toe<right_ankle left_small_toe<left_big_toe
    right_small_toe<right_big_toe left_heel<left_ankle right_heel<right_ankle
    """,
)


def _hand(side: str) -> str:
    """21 points: the wrist of the hand, then four of each finger from its base to its tip."""
    root = f"{side}_hand_root"
    fingers = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
    chains = (
        f"{side}_{finger}{n}<{root if n == 1 else f'{side}_{finger}{n - 1}'}"
        for finger in fingers
        for n in range(1, 5)
    )
    return f"{root}<{side}_wrist {' '.join(chains)}"


_COCO_FEET = """
    left_big_toe<left_ankle left_small_toe<left_big_toe left_heel<left_ankle
    right_big_toe<right_ankle right_small_toe<right_big_toe right_heel<right_ankle
    """
_COCO_HANDS = f"{_hand('left')} {_hand('right')}"
# The 68 points of the face are numbered as in iBUG 300-W, from the right of the person: jaw, brows, nose,
# eyes, mouth. These are the points that swap in a mirror; the others lie on the middle line.
_FACE_LEFT = (16, 15, 14, 13, 12, 11, 10, 9, 26, 25, 24, 23, 22, 35, 34, 45, 44, 43, 42, 47, 46,
              54, 53, 52, 55, 56, 64, 63, 65)  # fmt: skip
_FACE_RIGHT = (0, 1, 2, 3, 4, 5, 6, 7, 17, 18, 19, 20, 21, 31, 32, 36, 37, 38, 39, 40, 41,
               48, 49, 50, 59, 58, 60, 61, 67)  # fmt: skip


def _face() -> str:
    """A left point is numbered as its twin on the right."""
    sided = dict(zip(_FACE_LEFT, (f"left_face_{n}" for n in _FACE_RIGHT), strict=True))
    sided |= {n: f"right_face_{n}" for n in _FACE_RIGHT}
    return " ".join(f"{sided.get(n, f'face_{n}')}<nose" for n in range(68))


# COCO-WholeBody (Jin et al. 2020): COCO's 17, feet, face, hands.
COCO_WHOLEBODY_133 = layout("coco_wholebody_133", f"{_COCO_BODY} {_COCO_FEET} {_face()} {_COCO_HANDS}")

# The same without the face, half of whose joints would say little of an action.
COCO_WHOLEBODY_65 = layout("coco_wholebody_65", f"{_COCO_BODY} {_COCO_FEET} {_COCO_HANDS}")

SKELETONS: Mapping[str, Skeleton] = MappingProxyType(
    {
        s.name: s
        for s in (
            MSR_20,
            KINECT_20,
            KINECT2_25,
            SBU_15,
            H36M_17,
            COCO_17,
            COCO_18,
            BODY_25,
            BODY_25B,
            HALPE_26,
            MEDIAPIPE_33,
            COCO_WHOLEBODY_65,
            COCO_WHOLEBODY_133,
        )
    }
)


def get_skeleton(name: str) -> Skeleton:
    """The skeleton of that name.

    Raises:
        ValueError: no skeleton has the name; the message lists those there are.
    """
    try:
        return SKELETONS[name]
    except KeyError:
        raise ValueError(f"skeleton {name!r} is not known; one of {', '.join(SKELETONS)} is needed") from None


def skeleton_difference(came: Skeleton, needed: Skeleton, *, subject: str, needs: str) -> str:
    """One sentence on how a layout differs from the one that is needed.

    Args:
        came: the layout of the poses.
        needed: the other one.
        subject: what has the layout, as "clip 1 has".
        needs: what needs the other, as "this model needs".
    """
    if came.name != needed.name or came.num_joints != needed.num_joints:
        return (
            f"{subject} skeleton {came.name!r} ({came.num_joints} joints); "
            f"{needs} {needed.name!r} ({needed.num_joints} joints)"
        )
    for joint, (own, other) in enumerate(zip(came.joints, needed.joints, strict=True)):
        if own != other:
            return (
                f"{subject} a skeleton {came.name!r} whose joint {joint} is {own!r}; "
                f"{needs} the one of this name whose joint {joint} is {other!r}"
            )
    return f"{subject} a skeleton {came.name!r}; {needs} the one of this name with other parents or pairs"
