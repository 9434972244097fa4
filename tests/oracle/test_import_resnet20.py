#!/usr/bin/python3
"""experiments/import_resnet20.py: a ResNet-20 of random weights in PyTorch's layout, through mho and through NumPy.

Usage: test_import_resnet20.py MHO IMPORT.py. TAP on stdout. The images carry the classes that NumPy's forward pass gives them,
so that mho's float network, if it is the same, classifies every one of them as labelled, with the same cross entropy.
"""
import os
import re
import subprocess
import sys
import tempfile

import h5py
import numpy as np

MEAN, STD = np.array([0.49, 0.48, 0.45]), np.array([0.25, 0.24, 0.26])
N_IMAGES, N_TRAINING = 32, 32


def random_weights(rng):
    """What a PyTorch state_dict of a CIFAR ResNet-20 holds; batch norm far from the identity, so that a lost array shows."""
    weights = {}

    def conv(name, norm, out, into, kernel):
        weights[name + ".weight"] = rng.normal(size=(out, into, kernel, kernel)) * np.sqrt(2 / (into * kernel ** 2))
        weights[norm + ".weight"], weights[norm + ".bias"] = rng.uniform(0.6, 1.2, out), rng.normal(size=out) * 0.3
        weights[norm + ".running_mean"], weights[norm + ".running_var"] = rng.normal(size=out) * 0.3, rng.uniform(0.5, 2, out)

    conv("conv1", "bn1", 16, 3, 3)
    for stage, number in ((s, n) for s in (1, 2, 3) for n in (0, 1, 2)):
        out, key = 8 << stage, f"layer{stage}.{number}"
        into = out // 2 if stage > 1 and number == 0 else out
        conv(key + ".conv1", key + ".bn1", out, into, 3)
        conv(key + ".conv2", key + ".bn2", out, out, 3)
        if into != out:
            conv(key + ".shortcut.0", key + ".shortcut.1", out, into, 1)
    weights["linear.weight"], weights["linear.bias"] = rng.normal(size=(10, 64)) * 0.3, rng.normal(size=10) * 0.1
    return {key: value.astype("f4") for key, value in weights.items()}


def convolve(x, weight, stride):
    """Cross-correlation of x (n, c, h, w), padded already, with weight (out, in, h, w)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("nchwij,kcij->nkhw", windows, weight, optimize=True)


def forward(weights, images):
    """Logits (n, class) in double precision, written from He et al. (CVPR 2016, section 4.2), not from the importer."""
    def normalized(z, norm):
        gamma, beta, mean, variance = (weights[f"{norm}.{key}"].astype(float)[:, None, None]
                                       for key in ("weight", "bias", "running_mean", "running_var"))
        return gamma * (z - mean) / np.sqrt(variance + 1e-5) + beta

    def layer(x, conv, norm, stride=1, pad=1):
        x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        return normalized(convolve(x, weights[conv + ".weight"].astype(float), stride), norm)

    black = np.pad(images.transpose(0, 3, 1, 2) / 255, ((0, 0), (0, 0), (1, 1), (1, 1)))
    x = layer((black - MEAN[:, None, None]) / STD[:, None, None], "conv1", "bn1", pad=0).clip(0)
    for stage, number in ((s, n) for s in (1, 2, 3) for n in (0, 1, 2)):
        key, stride = f"layer{stage}.{number}", 2 if stage > 1 and number == 0 else 1
        inner = layer(layer(x, key + ".conv1", key + ".bn1", stride).clip(0), key + ".conv2", key + ".bn2")
        if stride == 2:
            x = layer(x, key + ".shortcut.0", key + ".shortcut.1", 2, 0)
        x = (inner + x).clip(0)
    return x.mean(axis=(2, 3)) @ weights["linear.weight"].astype(float).T + weights["linear.bias"]


def spread(weights, images):
    """Logits, after the classifier is moved and scaled so that random features part the images into classes."""
    logits = forward(weights, images) - weights["linear.bias"]
    scale = 3 / logits.std(axis=0).mean()
    weights["linear.weight"] = (weights["linear.weight"] * scale).astype("f4")
    weights["linear.bias"] = (-scale * logits.mean(axis=0)).astype("f4")
    return forward(weights, images)


def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return (np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]).mean()


class Case:
    """The files of one run in a folder, and the mho command."""

    def __init__(self, mho, importer, folder):
        self.mho, self.folder = mho, folder
        rng = np.random.default_rng(20)
        weights = random_weights(rng)
        # Blotches, not pixel noise: pixels that average out would give one class to every image.
        coarse = rng.uniform(0, 256, size=(N_IMAGES + N_TRAINING, 4, 4, 3))
        images = coarse.repeat(8, axis=1).repeat(8, axis=2).astype("u1")
        self.logits = spread(weights, images[:N_IMAGES])
        self.labels = self.logits.argmax(axis=1)
        for name, x, y in (("test.h5", images[:N_IMAGES], self.labels),
                           ("train.h5", images[N_IMAGES:], np.arange(N_TRAINING) % 10)):
            with h5py.File(os.path.join(folder, name), "w") as file:
                file["x"], file["y"] = x, y.astype("u1")
                file.attrs["class_names"] = [f"class {k}" for k in range(10)]
        np.savez(os.path.join(folder, "weights.npz"), **weights)
        numbers = [[str(value) for value in values] for values in (MEAN, STD)]
        subprocess.run([sys.executable, importer, "weights.npz", "model.h5", "--mean", *numbers[0], "--std", *numbers[1]],
                       cwd=folder, check=True)

    def eval(self, *settings):
        command = [self.mho, "eval", "model.h5"]
        for setting in ("data.name=test.h5", "data.train=train.h5", *settings):
            command += ["--set", setting]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def accuracy_in(output, network):
    return float(re.search(rf"^{network} +accuracy ([\d.]+) %", output, re.M)[1])


def check_variety(case):
    """The comparison means something: several classes, and no tie that rounding could turn."""
    top = np.sort(case.logits, axis=1)
    assert len(set(case.labels)) >= 4, sorted(case.labels)
    assert (top[:, -1] - top[:, -2]).min() > 1e-3, (top[:, -1] - top[:, -2]).min()


def check_float(case):
    output = case.eval()
    loss = float(re.search(r"loss ([\d.]+)", output)[1])
    assert accuracy_in(output, "float network") == 100.0, output
    assert abs(loss - cross_entropy(case.logits, case.labels)) < 2e-4, (output, cross_entropy(case.logits, case.labels))


def check_chip(case, settings, low, high):
    """8-bit weights and activations keep most classes; one line says what is left of them on two chips."""
    output = case.eval("quant.weight.bits=8", "quant.activation.bits=8", "chip.adc.uniform.bits=10", "repeat=2", *settings)
    lines = [line for line in output.splitlines() if line.startswith("chip ")]
    assert len(lines) == 1 and settings[0].replace("chip.cell.name=", "(cell ") in lines[0], output
    assert accuracy_in(output, "integer network") >= 80, output
    assert low <= accuracy_in(output, "chip") <= high, output


def check_ideal(case):
    check_chip(case, ["chip.cell.name=ideal"], 75, 100)


def check_little_noise(case):
    check_chip(case, ["chip.cell.name=pcm", "chip.noise=0.02", "chip.compensation=global"], 75, 100)


def check_pcm(case):
    """Random weights have no margin: at the published noise most of the classes are lost."""
    check_chip(case, ["chip.cell.name=pcm"], 0, 70)


def main():
    checks = (("several classes, no ties", check_variety), ("float network equals NumPy", check_float),
              ("8 bits on an ideal chip", check_ideal), ("8 bits on PCM with little noise", check_little_noise),
              ("8 bits on PCM", check_pcm))
    failed = 0
    print(f"1..{len(checks)}")
    with tempfile.TemporaryDirectory() as folder:
        case = Case(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), folder)
        for number, (name, check) in enumerate(checks, 1):
            try:
                check(case)
                print(f"ok {number} - {name}")
            except Exception as problem:  # the other checks are still of interest
                failed += 1
                print(f"not ok {number} - {name}: {type(problem).__name__}: {problem}".replace("\n", " "))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
