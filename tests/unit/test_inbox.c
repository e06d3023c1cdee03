#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fcgi/base/inbox.h"

enum { SENDERS = 4, EACH = 5000 };

struct letter {
    struct message message;
    int sender;
    int number;
};

static void post(struct inbox *b, int sender, int number)
{
    struct letter *l = malloc(sizeof *l);
    if (!l)
        abort();
    *l = (struct letter){.message.kind = 7, .sender = sender, .number = number};
    inbox_post(b, &l->message);
}

static void test_messages_come_in_the_order_they_were_posted(void **state)
{
    (void)state;
    struct inbox b;
    inbox_open(&b, NULL, NULL);
    assert_null(inbox_take(&b));
    for (int i = 0; i < 3; i++)
        post(&b, 0, i);
    struct message *m = inbox_take(&b), *next;
    for (int i = 0; i < 3; i++, m = next) {
        assert_non_null(m);
        next = m->next;
        assert_int_equal(m->kind, 7);
        assert_int_equal(((struct letter *)m)->number, i);
        free(m);
    }
    assert_null(m);
    assert_null(inbox_take(&b));
    inbox_close(&b);
}

static void count_ring(void *arg)
{
    ++*(int *)arg;
}

static void test_only_the_first_message_rings(void **state)
{
    (void)state;
    int rings = 0;
    struct inbox b;
    inbox_open(&b, count_ring, &rings);
    for (int round = 1; round <= 2; round++) {
        struct message *m, *next;
        post(&b, 0, 0);
        post(&b, 0, 1);
        assert_int_equal(rings, round);
        for (m = inbox_take(&b); m; m = next) {
            next = m->next;
            free(m);
        }
    }
    inbox_close(&b);
}

static void test_waiting_for_nothing_comes_back(void **state)
{
    (void)state;
    struct inbox b;
    inbox_open(&b, NULL, NULL);
    assert_null(inbox_wait(&b, 0));
    assert_null(inbox_wait(&b, 1));
    inbox_close(&b);
}

struct sender {
    struct inbox *inbox;
    int name;
};

static void *send_letters(void *arg)
{
    struct sender *s = arg;
    for (int i = 0; i < EACH; i++)
        post(s->inbox, s->name, i);
    return NULL;
}

static void test_every_message_of_every_thread_arrives_once_and_in_order(void **state)
{
    (void)state;
    struct inbox b;
    pthread_t thread[SENDERS];
    struct sender sender[SENDERS];
    int next_of[SENDERS] = {0}, got = 0;
    inbox_open(&b, NULL, NULL);
    for (int i = 0; i < SENDERS; i++) {
        sender[i] = (struct sender){.inbox = &b, .name = i};
        assert_int_equal(pthread_create(&thread[i], NULL, send_letters, &sender[i]), 0);
    }
    while (got < SENDERS * EACH) {
        struct message *m = inbox_wait(&b, -1), *next;
        assert_non_null(m);
        for (; m; m = next) {
            struct letter *l = (struct letter *)m;
            next = m->next;
            assert_int_equal(l->number, next_of[l->sender]);
            next_of[l->sender]++;
            got++;
            free(l);
        }
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(thread[i], NULL);
    assert_null(inbox_take(&b));
    inbox_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_come_in_the_order_they_were_posted),
        cmocka_unit_test(test_only_the_first_message_rings),
        cmocka_unit_test(test_waiting_for_nothing_comes_back),
        cmocka_unit_test(test_every_message_of_every_thread_arrives_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
