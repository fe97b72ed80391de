"""Two threads train two models at the same time; one of them is cut, the other must not be blamed."""

import threading

import tensorflow as tf

ORIGIN = "several models trained in threads"
WAYS = ("tape", "command")
COMPILED = False
CAUSE = "stop-gradient"
EXPECT = {"good": "ok", "bad": "none"}


def run(Tape=tf.GradientTape):
    good, bad, x = tf.Variable([[0.3], [0.1]]), tf.Variable([[0.2], [0.5]]), tf.ones((4, 2))
    found, together = {}, threading.Barrier(2)

    def train(name, weight, detach):
        together.wait()
        for _ in range(5):
            with Tape() as tape:
                h = x @ weight
                if detach:
                    h = tf.stop_gradient(h)  # <-- cut
                loss = tf.reduce_mean(tf.tanh(h) ** 2)
            found[name] = tape.gradient(loss, [weight])[0]

    workers = [threading.Thread(target=train, args=a) for a in (("good", good, False), ("bad", bad, True))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {name: found[name] for name in EXPECT}


if __name__ == "__main__":
    run()
