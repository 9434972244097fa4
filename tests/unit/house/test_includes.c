/* test_includes.c - who may include whom: reads every #include and OpenMP pragma of include, src, devices and
 * experiments and holds it against one table, house layers and outside libraries alike.
 */
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness.h"

/* The order in which data flows. A layer is a folder, or a room of one; its headers are included as "layer/header.h"
 * or "layer/room/header.h". */
typedef enum Layer {
    PUBLIC,
    BASE,
    KERNELS,
    CELL,
    ADC,
    DAC,
    WIRE,
    CROSSBAR,
    QUANT,
    NET_GRAPH,
    NET_TRANSFORM,
    NET_LOWERED,
    NET_CALIBRATE,
    NET_FAKEQUANT,
    DATA,
    STORE,
    TRAIN,
    ALLOCATE,
    STUDY_KEYS,
    STUDY_MODELS,
    STUDY_REPORT,
    STUDY_SWEEP,
    API,
    APP,
    CLI,
    EXPERIMENTS,
    N_LAYERS
} Layer;

static const char *const folders[N_LAYERS] = {
    [PUBLIC] = "include/mho",
    [BASE] = "src/base",
    [KERNELS] = "src/kernels",
    [CELL] = "devices/cell",
    [ADC] = "devices/adc",
    [DAC] = "devices/dac",
    [WIRE] = "devices/wire",
    [CROSSBAR] = "src/crossbar",
    [QUANT] = "src/quant",
    [NET_GRAPH] = "src/net/graph",
    [NET_TRANSFORM] = "src/net/transform",
    [NET_LOWERED] = "src/net/lowered",
    [NET_CALIBRATE] = "src/net/calibrate",
    [NET_FAKEQUANT] = "src/net/fakequant",
    [DATA] = "src/data",
    [STORE] = "src/store",
    [TRAIN] = "src/train",
    [ALLOCATE] = "src/allocate",
    [STUDY_KEYS] = "src/study/keys",
    [STUDY_MODELS] = "src/study/models",
    [STUDY_REPORT] = "src/study/report",
    [STUDY_SWEEP] = "src/study/sweep",
    [API] = "src/api",
    [APP] = "src/app",
    [CLI] = "src/cli",
    [EXPERIMENTS] = "experiments",
};

typedef enum Outside {
    C_LIBRARY,
    LIBYAML,
    LIBMD,
    SIMD,
    OPENMP,
    RANDOM123,
    SUITESPARSE,
    DNNL,
    ZLIB,
    HDF5,
    GSL,
    N_OUTSIDE
} Outside;

static const struct {
    const char *name, *headers; /* words; one that ends in '/' is a prefix */
} outside[N_OUTSIDE] = {
    [C_LIBRARY] = {"C and POSIX",
                   "assert.h ctype.h dirent.h errno.h fcntl.h float.h ftw.h inttypes.h limits.h locale.h math.h poll.h "
                   "pthread.h sched.h signal.h spawn.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h "
                   "stdio.h stdlib.h string.h strings.h sys/ time.h unistd.h"},
    [LIBYAML] = {"libyaml", "yaml.h"},
    [LIBMD] = {"libmd", "md5.h sha.h sha2.h"},
    [SIMD] = {"the compiler's SIMD headers", "immintrin.h cpuid.h"},
    [OPENMP] = {"OpenMP", "omp.h"},
    [RANDOM123] = {"Random123", "Random123/"},
    [SUITESPARSE] = {"SuiteSparse", "cholmod.h klu.h amd.h colamd.h btf.h SuiteSparse_config.h suitesparse/"},
    [DNNL] = {"oneDNN", "oneapi/ dnnl.h"},
    [ZLIB] = {"zlib", "zlib.h"},
    [HDF5] = {"HDF5", "hdf5.h hdf5_hl.h"},
    [GSL] = {"GSL", "gsl/"},
};

#define BIT(x)          (1u << (x))
#define DEVICES         (BIT(CELL) | BIT(ADC) | BIT(DAC) | BIT(WIRE))
#define BELOW_GRAPH     (BIT(KERNELS) | BIT(CROSSBAR) | BIT(QUANT))
#define BELOW_TRANSFORM (BELOW_GRAPH | BIT(NET_GRAPH))
#define BELOW_LOWERED   (BELOW_TRANSFORM | BIT(NET_TRANSFORM))
#define BELOW_CALIBRATE (BELOW_LOWERED | BIT(NET_LOWERED))
#define BELOW_FAKEQUANT (BELOW_CALIBRATE | BIT(NET_CALIBRATE))
#define NET_AND_BELOW   (BELOW_FAKEQUANT | BIT(NET_FAKEQUANT) | DEVICES)
#define TRAIN_AND_BELOW (NET_AND_BELOW | BIT(DATA) | BIT(TRAIN))
#define BELOW_STUDY     (TRAIN_AND_BELOW | BIT(ALLOCATE))
#define STUDY_AND_BELOW (BELOW_STUDY | BIT(STUDY_KEYS) | BIT(STUDY_MODELS) | BIT(STUDY_REPORT) | BIT(STUDY_SWEEP))

/* Who may include whom. Base, the layer itself and the C library are always allowed. */
static const struct {
    unsigned house, libraries;
} allowed[N_LAYERS] = {
    [PUBLIC] = {0, 0},
    [BASE] = {BIT(PUBLIC), BIT(LIBYAML) | BIT(LIBMD)},
    [KERNELS] = {0, BIT(SIMD) | BIT(OPENMP) | BIT(RANDOM123)},
    [CELL] = {BIT(KERNELS), 0},
    [ADC] = {BIT(KERNELS), 0},
    [DAC] = {BIT(KERNELS), 0},
    [WIRE] = {BIT(KERNELS), BIT(SUITESPARSE)},
    [CROSSBAR] = {BIT(KERNELS) | DEVICES, BIT(OPENMP)},
    [QUANT] = {BIT(KERNELS), 0},
    [NET_GRAPH] = {BELOW_GRAPH, 0},
    [NET_TRANSFORM] = {BELOW_TRANSFORM, 0},
    [NET_LOWERED] = {BELOW_LOWERED, BIT(OPENMP)},
    [NET_CALIBRATE] = {BELOW_CALIBRATE, BIT(OPENMP)},
    [NET_FAKEQUANT] = {BELOW_FAKEQUANT, BIT(DNNL) | BIT(OPENMP)},
    [DATA] = {BIT(KERNELS), BIT(ZLIB)},
    [STORE] = {0, BIT(HDF5)},
    [TRAIN] = {NET_AND_BELOW | BIT(DATA), BIT(GSL)},
    [ALLOCATE] = {TRAIN_AND_BELOW, BIT(GSL)},
    [STUDY_KEYS] = {BELOW_STUDY, BIT(GSL)},
    [STUDY_MODELS] = {BELOW_STUDY | BIT(STORE) | BIT(STUDY_KEYS), BIT(GSL) | BIT(OPENMP)},
    [STUDY_REPORT] = {BELOW_STUDY | BIT(STUDY_KEYS) | BIT(STUDY_MODELS), BIT(GSL)},
    [STUDY_SWEEP] = {BELOW_STUDY | BIT(STORE) | BIT(STUDY_KEYS) | BIT(STUDY_MODELS) | BIT(STUDY_REPORT),
                     BIT(GSL) | BIT(OPENMP)},
    [API] = {STUDY_AND_BELOW | BIT(PUBLIC), 0},
    [APP] = {STUDY_AND_BELOW, BIT(OPENMP) | BIT(ZLIB)},
    [CLI] = {STUDY_AND_BELOW | BIT(APP), 0},
    [EXPERIMENTS] = {STUDY_AND_BELOW | BIT(APP), 0},
};

/* The name under which others include a layer: its folder below src or devices. */
static const char *layer_name(int layer)
{
    const char *slash = strchr(folders[layer], '/');
    return slash ? slash + 1 : folders[layer];
}

/* Rooms of one layer share internal headers; a layer without rooms is its own house. */
static bool same_house(int layer, int other)
{
    const size_t n = strcspn(layer_name(layer), "/");
    return n == strcspn(layer_name(other), "/") && strncmp(layer_name(layer), layer_name(other), n) == 0;
}

static int layer_of_file(const char *path)
{
    for (int layer = 0; layer < N_LAYERS; layer++) {
        size_t n = strlen(folders[layer]);
        if (strncmp(path, folders[layer], n) == 0 && path[n] == '/')
            return layer;
    }
    return -1;
}

static int layer_of_header(const char *header)
{
    for (int layer = 0; layer < N_LAYERS; layer++) {
        size_t n = strlen(layer_name(layer));
        if (strncmp(header, layer_name(layer), n) == 0 && header[n] == '/')
            return layer;
    }
    return -1;
}

static int library_of_header(const char *header)
{
    for (int library = 0; library < N_OUTSIDE; library++) {
        for (const char *word = outside[library].headers; *word; word += strspn(word, " ")) {
            size_t n = strcspn(word, " ");
            bool prefix = word[n - 1] == '/';
            if (strncmp(header, word, n) == 0 && (prefix || header[n] == '\0'))
                return library;
            word += n;
        }
    }
    return -1;
}

static bool library_allowed(int layer, int library)
{
    return library == C_LIBRARY || (allowed[layer].libraries & BIT(library));
}

/* What is wrong with this line of a file of this layer, or NULL. why is room for the answer. */
static const char *judge(int layer, const char *line, char why[256])
{
    char header[128];
    if (strstr(line, "MHO_API") && layer != PUBLIC && layer != API)
        return "may not export functions: MHO_API is for include/mho and src/api";
    line += strspn(line, " \t");
    if (*line != '#')
        return NULL;
    line += 1 + strspn(line + 1, " \t");
    if (strncmp(line, "pragma", 6) == 0) {
        const char *rest = line + 6 + strspn(line + 6, " \t");
        return strncmp(rest, "omp", 3) != 0 || library_allowed(layer, OPENMP) ? NULL : "may not use OpenMP";
    }
    if (strncmp(line, "include", 7) != 0)
        return NULL;
    line += 7 + strspn(line + 7, " \t");
    if (sscanf(line, "<%127[^>]>", header) == 1) {
        int library = library_of_header(header);
        if (library >= 0 && library_allowed(layer, library))
            return NULL;
        snprintf(why, 256, library < 0 ? "<%s> is in no library of the table" : "<%s> is not for this layer", header);
        return why;
    }
    if (sscanf(line, "\"%127[^\"]\"", header) != 1)
        return "an #include must name its header";
    int other = layer_of_header(header);
    size_t n = strlen(header);
    bool internal = n > 11 && strcmp(header + n - 11, "_internal.h") == 0;
    bool reaches =
        other == layer || (other == BASE && layer != PUBLIC) || (other >= 0 && allowed[layer].house & BIT(other));
    bool permitted = reaches && (!internal || same_house(layer, other));
    bool header_file = n > 2 && strcmp(header + n - 2, ".h") == 0;
    if (permitted && (header_file || other == layer))
        return NULL;
    snprintf(why, 256, other < 0 ? "\"%s\" begins with no layer's name" : "\"%s\" is not for this layer", header);
    return why;
}

static int layer_named(const char *name)
{
    for (int layer = 0; layer < N_LAYERS; layer++)
        if (strcmp(layer_name(layer), name) == 0)
            return layer;
    ck_abort_msg("no layer is called %s", name);
}

/* Lines that must pass and lines that must not. */
static const struct {
    const char *layer, *line;
    bool good;
} judged[] = {
    {"mho", "#include \"mho/status.h\"", true},
    {"mho", "#include \"base/record.h\"", false},
    {"base", "#include \"mho/status.h\"", true},
    {"store", "#include \"mho/mho.h\"", false},
    {"cli", "#include \"mho/mho.h\"", false},
    {"api", "#include \"mho/mho.h\"", true},
    {"api", "#include \"study/sweep/sweep.h\"", true},
    {"api", "#include \"app/options.h\"", false},
    {"api", "MHO_API int f(void);", true},
    {"mho", "MHO_API int f(void);", true},
    {"study/sweep", "MHO_API int f(void);", false},
    {"base", "#include <yaml.h>", true},
    {"base", "#include \"base/status.h\"", true},
    {"base", "#include \"kernels/math.h\"", false},
    {"base", "#include <hdf5.h>", false},
    {"kernels", "#include <Random123/philox.h>", true},
    {"kernels", "#include \"base/status.h\"", true},
    {"kernels", "#include \"base/params_internal.h\"", false},
    {"cell", "#include \"cell/cell.h\"", true},
    {"cell", "#include \"adc/adc.h\"", false},
    {"cell", "#pragma omp parallel for", false},
    {"wire", "#include <cholmod.h>", true},
    {"wire", "#include <suitesparse/klu.h>", true},
    {"crossbar", "#include <cholmod.h>", false},
    {"crossbar", "  #  pragma omp parallel for", true},
    {"crossbar", "#include \"wire/wire.h\"", true},
    {"crossbar", "#include \"cell/pcm.c\"", false},
    {"crossbar", "#include \"net/graph/net.h\"", false},
    {"net/fakequant", "#include <oneapi/dnnl/dnnl.h>", true},
    {"net/graph", "#include <oneapi/dnnl/dnnl.h>", false},
    {"net/graph", "#include \"net/lowered/lower.h\"", false},
    {"net/transform", "#include \"net/lowered/executor.h\"", false},
    {"net/lowered", "#include \"net/graph/graph_internal.h\"", true},
    {"net/lowered", "#include \"net/fakequant/fakequant.h\"", false},
    {"train", "#include \"net/graph/graph_internal.h\"", false},
    {"net/graph", "#include \"cell/cell.h\"", false},
    {"net/lowered", "#include \"data/dataset.h\"", false},
    {"data", "#include <zlib.h>", true},
    {"data", "#include \"store/store.h\"", false},
    {"store", "#include <hdf5.h>", true},
    {"store", "#include \"net/graph/net.h\"", false},
    {"train", "#include \"store/store.h\"", false},
    {"train", "#include \"study/keys/study.h\"", false},
    {"train", "#include \"cell/cell.h\"", true},
    {"train", "#include <gsl/gsl_multimin.h>", true},
    {"allocate", "#include \"train/train.h\"", true},
    {"study/sweep", "#include \"store/store.h\"", true},
    {"study/keys", "#include \"store/store.h\"", false},
    {"study/models", "#include \"study/sweep/sweep.h\"", false},
    {"study/keys", "#include <hdf5.h>", false},
    {"cli", "#include \"store/store.h\"", false},
    {"cli", "\t#\tinclude \"study/keys/study.h\"", true},
    {"study/sweep", "#include \"app/options.h\"", false},
    {"cli", "#include \"app/options.h\"", true},
    {"cli", "#include <gsl/gsl_math.h>", false},
    {"experiments", "#include \"study/report/pairs.h\"", true},
    {"study/keys", "#include \"experiments/noise_sweep.c\"", false},
    {"study/keys", "#include \"grid.h\"", false},
    {"study/keys", "#include <nosuch.h>", false},
    {"study/keys", "#include HEADER", false},
    {"study/keys", "#define INCLUDE <hdf5.h>", true},
    {"study/keys", "int include;", true},
};

/* The judge itself, by these lines. */
TEST(test_the_judge)
{
    char why[256];
    for (size_t i = 0; i < sizeof judged / sizeof *judged; i++) {
        const char *verdict = judge(layer_named(judged[i].layer), judged[i].line, why);
        ck_assert_msg((verdict == NULL) == judged[i].good, "%s: %s: %s", judged[i].layer, judged[i].line,
                      verdict ? verdict : "ok");
    }
}

enum { MAX_BASENAMES = 1024 };

static size_t root_length;
static char basenames[MAX_BASENAMES][64]; /* of the files of src and devices */
static int n_basenames;
static int files, includes, violations;

static void read_file(const char *path, int layer)
{
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    char *line = NULL, why[256];
    size_t size = 0;
    for (int number = 1; getline(&line, &size, file) >= 0; number++) {
        includes += strstr(line, "#include") != NULL;
        const char *wrong = judge(layer, line, why);
        if (!wrong)
            continue;
        fprintf(stderr, "%s:%d: %s\n", path + root_length, number, wrong);
        violations++;
    }
    free(line);
    fclose(file);
    files++;
}

static int visit(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)where;
    size_t n = strlen(path);
    bool code = n > 2 && (strcmp(path + n - 2, ".c") == 0 || strcmp(path + n - 2, ".h") == 0);
    if (kind != FTW_F || !code)
        return 0;
    int layer = layer_of_file(path + root_length);
    if (layer >= 0) {
        read_file(path, layer);
    } else {
        fprintf(stderr, "%s: its folder is not in the table\n", path + root_length);
        violations++;
    }
    return 0;
}

static int visit_basename(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    const char *name = path + where->base, *dot = strrchr(name, '.');
    (void)info;
    if (kind != FTW_F || !dot || (strcmp(dot, ".c") != 0 && strcmp(dot, ".h") != 0))
        return 0;
    ck_assert_msg(n_basenames < MAX_BASENAMES && strlen(name) < sizeof *basenames, "%s: no room for it here", path);
    for (int i = 0; i < n_basenames; i++) {
        if (strcmp(basenames[i], name) != 0)
            continue;
        fprintf(stderr, "%s: another file is called %s\n", path + root_length, name);
        violations++;
    }
    snprintf(basenames[n_basenames++], sizeof *basenames, "%s", name);
    return 0;
}

/* No two files of src and devices have the same name without folder, .c against .c and .h against .h. */
TEST(test_basenames_are_unique)
{
    static const char *const tops[] = {"src", "devices"};
    char path[4096];
    root_length = strlen(test_source_root()) + 1;
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
        snprintf(path, sizeof path, "%s/%s", test_source_root(), tops[i]);
        ck_assert_int_eq(nftw(path, visit_basename, 16, FTW_PHYS), 0);
    }
    ck_assert_int_gt(n_basenames, 100);
    ck_assert_msg(violations == 0, "%d files share a name (listed on stderr)", violations);
}

/* Every #include and OpenMP pragma of include, src, devices and experiments is allowed by the table. */
TEST(test_every_include)
{
    static const char *const tops[] = {"include", "src", "devices", "experiments"};
    char path[4096];
    root_length = strlen(test_source_root()) + 1;
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", test_source_root(), tops[i]);
        if (stat(path, &info) == 0)
            ck_assert_int_eq(nftw(path, visit, 16, FTW_PHYS), 0);
    }
    ck_assert_msg(files > 20 && includes > 50, "only %d files with %d includes were found under %s", files, includes,
                  test_source_root());
    ck_assert_msg(violations == 0, "%d includes break the table (listed on stderr)", violations);
}
