"""A recognition model small enough for tests: four actions, named by a network that has learned nothing."""

from cluster.recognition.classifier import TrainedClassifier
from cluster.recognition.windows import WindowConfig
from encoding.spmf import EncodingConfig, EncodingStatistics
from lifting.skeleton import H36M_17, Skeleton
from nas.genotype import Genotype
from nas.network import Network
from nas.plan import NetworkConfig

GENOTYPE = Genotype.parse("0 0 1 4 0 2 2 0  0 3 1 2 1 1 0 4")
NAMES = ("wave", "kick", "bow", "sit")
WINDOWS = WindowConfig(window=16, stride=4, least=6, enter=0.3, leave=0.2)


def small_classifier(skeleton: Skeleton = H36M_17, num_people: int = 1) -> TrainedClassifier:
    return TrainedClassifier(
        network=Network(GENOTYPE, NetworkConfig(num_classes=4, channels=4, normal_cells=1), seed=3).eval(),
        class_names=NAMES,
        skeleton=skeleton,
        num_people=num_people,
        encoding=EncodingConfig(),
        statistics=EncodingStatistics(pose_distance_max=2000.0, motion_distance_max=2000.0),
        notes={"data": "four actions"},
    )
