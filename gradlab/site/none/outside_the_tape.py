import tensorflow as tf

tf.keras.utils.set_random_seed(0)
encoder, decoder = tf.keras.layers.Dense(3), tf.keras.layers.Dense(1)
x, target = tf.random.normal((4, 2)), tf.zeros((4, 1))
state = encoder(x)
with tf.GradientTape() as tape:
    loss = tf.reduce_mean((decoder(state) - target) ** 2)
print(tape.gradient(loss, encoder.trainable_variables))
