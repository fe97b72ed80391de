import tensorflow as tf

tf.keras.utils.set_random_seed(0)
encoder = tf.keras.layers.Dense(3)
x, target = tf.random.normal((4, 2)), tf.zeros((4, 3))
encoder.build((4, 2))
state = tf.Variable(tf.zeros((4, 3)), trainable=False)
with tf.GradientTape() as tape:
    state.assign(encoder(x))
    loss = tf.reduce_mean((state - target) ** 2)
print(tape.gradient(loss, encoder.trainable_variables))
