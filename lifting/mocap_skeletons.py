"""The layouts of motion capture files, joints named for what they are, in the order of the files."""

from lifting.skeleton import layout

# ASF/AMC skeletons of CMU and HDM05. A file names a joint for the bone that ends there: its "lfemur" is the
# left knee, its "lhipjoint" the left hip, its "lclavicle" the left shoulder.
ASF_31 = layout(
    "asf_31",
    """
    hip left_hip<hip right_hip<hip lower_back<hip left_knee<left_hip right_knee<right_hip
    upper_back<lower_back left_ankle<left_knee right_ankle<right_knee thorax<upper_back
    left_foot<left_ankle right_foot<right_ankle lower_neck<thorax left_shoulder<thorax right_shoulder<thorax
    left_toes<left_foot right_toes<right_foot upper_neck<lower_neck
    left_elbow<left_shoulder right_elbow<right_shoulder head<upper_neck
    left_wrist<left_elbow right_wrist<right_elbow left_palm<left_wrist right_palm<right_wrist
    left_hand<left_palm left_thumb<left_palm right_hand<right_palm right_thumb<right_palm
    left_fingers<left_hand right_fingers<right_hand
    """,
)
ASF_NAMES = (
    "root", "lhipjoint", "rhipjoint", "lowerback", "lfemur", "rfemur", "upperback", "ltibia", "rtibia",
    "thorax", "lfoot", "rfoot", "lowerneck", "lclavicle", "rclavicle", "ltoes", "rtoes", "upperneck",
    "lhumerus", "rhumerus", "head", "lradius", "rradius", "lwrist", "rwrist", "lhand", "lthumb", "rhand",
    "rthumb", "lfingers", "rfingers",
)  # fmt: skip

# CMU clips retargeted to a character of iClone.
ICLONE_24 = layout(
    "iclone_24",
    """
    hip pelvis<hip waist<pelvis lower_spine<waist upper_spine<lower_spine
    lower_neck<upper_spine upper_neck<lower_neck head<upper_neck
    left_clavicle<upper_spine left_shoulder<left_clavicle left_elbow<left_shoulder left_wrist<left_elbow
    right_clavicle<upper_spine right_shoulder<right_clavicle right_elbow<right_shoulder
    right_wrist<right_elbow left_hip<pelvis left_knee<left_hip left_ankle<left_knee left_toes<left_ankle
    right_hip<pelvis right_knee<right_hip right_ankle<right_knee right_toes<right_ankle
    """,
)
ICLONE_NAMES = (
    "Hip", "Pelvis", "Waist", "Spine01", "Spine02", "NeckTwist01", "NeckTwist02", "Head",
    "L_Clavicle", "L_Upperarm", "L_Forearm", "L_Hand", "R_Clavicle", "R_Upperarm", "R_Forearm", "R_Hand",
    "L_Thigh", "L_Calf", "L_Foot", "L_ToeBase", "R_Thigh", "R_Calf", "R_Foot", "R_ToeBase",
)  # fmt: skip
