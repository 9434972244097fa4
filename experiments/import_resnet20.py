#!/usr/bin/python3
"""Write a model file of mho (format: results/MODEL.md) from a CIFAR ResNet-20 that another program trained.

import_resnet20.py WEIGHTS.npz MODEL.h5 [--mean R G B] [--std R G B]      as in training, for pixels from 0 to 1; mho pads with black
WEIGHTS.npz has PyTorch's names and shapes, conv1.weight (out, in, h, w), bn1.weight, .bias, .running_mean, .running_var,
layer1.0.conv1.weight ... layer2.0.shortcut.0.weight (1 x 1), .shortcut.1.weight ... linear.weight, linear.bias:
numpy.savez("WEIGHTS.npz", **{key: value.numpy() for key, value in net.state_dict().items()})
"""
import argparse

import h5py
import numpy as np


def nodes_of(weights, mean, std, divisor):
    """Rows (name, kind, first input, second input, settings, arrays) of the graph, in the order of computation."""
    nodes = [("image", "input", "", "", {"h": 32, "w": 32, "c": 3, "divisor": divisor}, {})]

    def block(name, source, conv, norm, stride=1):
        weight = weights[conv + ".weight"].transpose(0, 2, 3, 1)  # OIHW to OHWI
        gamma, beta, average, variance = (weights[f"{norm}.{key}"] for key in ("weight", "bias", "running_mean", "running_var"))
        if source == "image":  # w (x - mean) / std = (w / std) x - sum(w mean / std), and batch norm subtracts its mean
            weight = weight / std
            average = average + (weight * mean).sum(axis=(1, 2, 3))
        settings = {"channels": len(weight), "kernel": weight.shape[1], "stride": stride, "pad": weight.shape[1] // 2}
        nodes.append((name, "conv", source, "", settings, {"weight": weight}))
        nodes.append((name + "_norm", "batchnorm", name, "", {"epsilon": 1e-5},
                      {"gamma": gamma, "beta": beta, "mean": average, "variance": variance}))
        return name + "_norm"

    def relu(name, source):
        nodes.append((name + "_relu", "relu", source, "", {}, {}))
        return name + "_relu"

    last = relu("conv1", block("conv1", "image", "conv1", "bn1"))
    for stage, number in ((stage, number) for stage in (1, 2, 3) for number in (0, 1, 2)):
        name, key, stride = f"block{stage}{'abc'[number]}", f"layer{stage}.{number}", 2 if stage > 1 and number == 0 else 1
        branch = relu(name + "_conv1", block(name + "_conv1", last, key + ".conv1", key + ".bn1", stride))
        branch = block(name + "_conv2", branch, key + ".conv2", key + ".bn2")
        if stride > 1:
            last = block(name + "_short", last, key + ".shortcut.0", key + ".shortcut.1", stride)
        nodes.append((name + "_add", "add", branch, last, {}, {}))
        last = relu(name, name + "_add")
    nodes.append(("pool", "pool", last, "", {"kind": "global"}, {}))
    dense = {"weight": weights["linear.weight"], "bias": weights["linear.bias"]}
    return nodes + [("logits", "dense", "pool", "", {"channels": len(dense["bias"]), "bias": True}, dense)]


def write_model(path, weights, mean=(0, 0, 0), std=(1, 1, 1), divisor=255):
    nodes = nodes_of(weights, np.array(mean), np.array(std), divisor)
    with h5py.File(path, "w") as file:
        file.attrs["name"] = "resnet20"
        for key, column in zip(("name", "kind", "input_a", "input_b"), zip(*nodes)):
            file.create_dataset("graph/" + key, data=list(column), dtype=h5py.string_dtype())
        for name, _, _, _, settings, arrays in nodes:
            file.create_group("layers/" + name).attrs.update(settings)
            for key, values in arrays.items():
                file[f"layers/{name}/{key}"] = np.asarray(values, "f4")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("model")
    parser.add_argument("--mean", nargs=3, type=float, default=(0, 0, 0))
    parser.add_argument("--std", nargs=3, type=float, default=(1, 1, 1))
    options = parser.parse_args()
    write_model(options.model, np.load(options.weights), options.mean, options.std)
