"""The classifier of this example: one description for the program, the untrained model and the parties."""

PARAMETERS = {"loss": "log_loss", "learning_rate": "constant", "eta0": 0.02, "random_state": 0}
CLASSES = list(range(10))
PARTY_MODEL = {"estimator": "SGDClassifier", "classes": CLASSES, "parameters": PARAMETERS}
