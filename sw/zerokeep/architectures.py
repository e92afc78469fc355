"""The networks that ship: plain PyTorch modules."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

VGG16_WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)
"""Filters of each convolution; 0 for a pool."""


def vgg_small(widths: tuple[int, int, int, int] = (16, 32, 64, 64), classes: int = 10) -> nn.Sequential:
    """Four 3x3 convolutions with batch norm and ReLU, pooled after the 2nd, 3rd and 4th, and one linear layer.

    Parameters
    ----------
    widths
        Filters of each convolution; a pruned network has fewer.
    classes
        Outputs of the linear layer.

    Input (N, 1, 28, 28) float, 0 to 1; output (N, `classes`) logits.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 1
    for number, width in enumerate(widths, start=1):
        layers[f"conv{number}"] = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        layers[f"bn{number}"] = nn.BatchNorm2d(width)
        layers[f"relu{number}"] = nn.ReLU()
        if number > 1:
            layers[f"pool{number}"] = nn.MaxPool2d(2)
        channels = width
    layers["flatten"] = nn.Flatten()
    layers["linear"] = nn.Linear(channels * 9, classes)
    return nn.Sequential(layers)


def vgg16(widths: Sequence[int] = VGG16_WIDTHS, channels: int = 1, classes: int = 10) -> nn.Sequential:
    """VGG-16 in the form used on CIFAR: 13 convolutions with batch norm, five pools and ONE linear layer.

    Simonyan and Zisserman, 2015, configuration D. Input (N, `channels`, 32, 32); output (N, `classes`) logits.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    convolutions = pools = 0
    for width in widths:
        if width:
            convolutions += 1
            layers[f"conv{convolutions}"] = nn.Conv2d(channels, width, 3, padding=1, bias=False)
            layers[f"bn{convolutions}"] = nn.BatchNorm2d(width)
            layers[f"relu{convolutions}"] = nn.ReLU()
            channels = width
        else:
            pools += 1
            layers[f"pool{pools}"] = nn.MaxPool2d(2)
    layers["flatten"] = nn.Flatten()
    layers["linear"] = nn.Linear(channels, classes)
    return nn.Sequential(layers)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a way around them: the identity, or a 1x1 convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.around: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.around = nn.Sequential(OrderedDict([
                ("conv", nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)),
                ("bn", nn.BatchNorm2d(outputs)),
            ]))  # fmt: skip
        self.relu2 = nn.ReLU()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Of (N, `inputs`, H, W), (N, `outputs`, H / stride, W / stride)."""
        inner = self.relu1(self.bn1(self.conv1(images)))
        return self.relu2(self.bn2(self.conv2(inner)) + self.around(images))


def resnet20(
    widths: tuple[int, int, int] = (16, 32, 64), blocks: int = 3, channels: int = 1, classes: int = 10
) -> nn.Sequential:
    """ResNet-20 as on CIFAR: a 3x3 convolution, three stages of `blocks` residual blocks, mean pooling, linear.

    He et al., 2016, section 4.2, with convolutions for shortcuts where the shape changes (their option B). Input
    (N, `channels`, 32, 32); output (N, `classes`) logits.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict([
        ("conv", nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)),
        ("bn", nn.BatchNorm2d(widths[0])), ("relu", nn.ReLU()),
    ])  # fmt: skip
    inputs = widths[0]
    for stage, width in enumerate(widths, start=1):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            layers[f"stage{stage}_block{block}"] = ResidualBlock(inputs, width, stride)
            inputs = width
    layers["pool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["linear"] = nn.Linear(inputs, classes)
    return nn.Sequential(layers)
