/* switches.c - see switches.h. */
#include "switches.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cell_bench.h"
#include "harness.h"

static bool is_registered(const char *table, const MhoRegistry *registry, const MhoDescriptor *model)
{
    const size_t length = strlen(registry->kind);
    return strncmp(table, registry->kind, length) == 0 && table[length] == '.' &&
           strcmp(table + length + 1, model->name) == 0;
}

static const MhoDescriptor *find_table(const char *table)
{
    for (size_t i = 0; book.tables && book.tables[i]; i++) {
        if (strcmp(book.tables[i]->name, table) == 0) {
            return book.tables[i];
        }
    }
    for (size_t i = 0; book.registries && book.registries[i]; i++) {
        for (size_t m = 0; m < book.registries[i]->n; m++) {
            if (is_registered(table, book.registries[i], book.registries[i]->descriptors[m])) {
                return book.registries[i]->descriptors[m];
            }
        }
    }
    return NULL;
}

static const MhoParam *put(const MhoDescriptor *model, void *params, const char *key, const char *value)
{
    const MhoParam *param = mho_params_find(model->params, model->n_params, key);
    MhoError error = {0};
    ck_assert_msg(param != NULL, "%s has no key %s", model->name, key);
    ck_assert_msg(mho_param_set(param, params, value, key, &error) == MHO_OK, "%s", error.text);
    return param;
}

static void put_all(const MhoDescriptor *model, void *params, const char *with)
{
    char text[512], *rest = NULL;
    ck_assert_int_lt(snprintf(text, sizeof text, "%s", with), (int)sizeof text);
    for (char *word = strtok_r(text, ";", &rest); word != NULL; word = strtok_r(NULL, ";", &rest)) {
        char *equals = strchr(word, '=');
        ck_assert_msg(equals != NULL, "'%s' is not key=value", word);
        *equals = '\0';
        (void)put(model, params, word, equals + 1);
    }
}

static double number_of(const MhoParam *param, const void *params)
{
    const unsigned char *member = (const unsigned char *)params + param->offset;
    double real = 0.0;
    int whole = 0;
    switch (param->type) {
    case MHO_REAL: memcpy(&real, member, sizeof real); break;
    case MHO_INT:
    case MHO_CHOICE:
        memcpy(&whole, member, sizeof whole);
        real = whole;
        break;
    case MHO_BOOL: real = *member; break;
    case MHO_TEXT: break;
    }
    return real;
}

static void check_rules(const MhoDescriptor *model, const void *params)
{
    MhoError error = {0};
    ck_assert_msg(mho_descriptor_check(model, params, &error) == MHO_OK, "%s", error.text);
}

/* Each key does what its row predicts, and the prediction fails when the key is forced off. */
TEST_LOOP(prediction_holds_and_notices_the_switch, 0, (int)book.n_rows)
{
    const Switch *s = &book.rows[_i];
    const MhoDescriptor *model = find_table(s->table);
    ck_assert_msg(model != NULL, "there is no table %s", s->table);
    void *params = params_new(model);
    put_all(model, params, s->with != NULL ? s->with : "");
    const double on = number_of(put(model, params, s->key, s->on), params);
    check_rules(model, params);
    ck_assert_msg(s->effect(model, params, on), "%s.%s = %s does not do what it promises", s->table, s->key, s->on);
    (void)put(model, params, s->key, s->off);
    check_rules(model, params);
    ck_assert_msg(!s->effect(model, params, on), "the test of %s.%s = %s does not notice %s", s->table, s->key, s->on,
                  s->off);
    free(params);
}

static void assert_predicted(const MhoDescriptor *model, const char *table)
{
    for (size_t p = 0; p < model->n_params; p++) {
        bool found = false;
        for (size_t i = 0; i < book.n_rows; i++) {
            found = found ||
                    (strcmp(book.rows[i].table, table) == 0 && strcmp(book.rows[i].key, model->params[p].key) == 0);
        }
        ck_assert_msg(found, "%s.%s has no predicted effect", table, model->params[p].key);
    }
}

/* Every key of the tables has a row. */
TEST(every_key_is_predicted)
{
    for (size_t i = 0; book.tables && book.tables[i]; i++) {
        assert_predicted(book.tables[i], book.tables[i]->name);
    }
    for (size_t i = 0; book.registries && book.registries[i]; i++) {
        for (size_t m = 0; m < book.registries[i]->n; m++) {
            char table[2 * MHO_NAME_MAX];
            snprintf(table, sizeof table, "%s.%s", book.registries[i]->kind, book.registries[i]->descriptors[m]->name);
            assert_predicted(book.registries[i]->descriptors[m], table);
        }
    }
}
