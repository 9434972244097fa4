/* fashion_mnist.c - Fashion-MNIST: 60,000 + 10,000 grey images 28 x 28 of clothing, 10 classes.
 *
 * Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
 * algorithms", arXiv:1708.07747, 2017; class names from its table 2.
 */
#include "data/formats_internal.h"

static const MhoDataFile files[] = {
    {"train-images-idx3-ubyte", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", MHO_SPLIT_TRAIN},
    {"train-labels-idx1-ubyte", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", MHO_SPLIT_TRAIN},
    {"t10k-images-idx3-ubyte", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", MHO_SPLIT_TEST},
    {"t10k-labels-idx1-ubyte", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", MHO_SPLIT_TEST},
};

static const char *const class_names[] = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                          "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

extern const MhoDatasetDescriptor mho_dataset_fashion_mnist;
const MhoDatasetDescriptor mho_dataset_fashion_mnist = {
    .descriptor = {.name = "fashion-mnist",
                   .summary = "clothing, 28 x 28 grey, 10 classes, 60,000 training and 10,000 test images",
                   .reference = "Xiao, Rasul, Vollgraf, arXiv:1708.07747 (2017)"},
    .files = files,
    .n_files = sizeof files / sizeof *files,
    .address = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    .debian_package = "dataset-fashion-mnist",
    .class_names = class_names,
    .n_classes = 10,
    .h = 28,
    .w = 28,
    .c = 1,
    .load = mho_idx_load,
};
