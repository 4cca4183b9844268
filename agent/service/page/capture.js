// Runs beside the page: the microphone's sound as 16-bit PCM at 24 kHz, in pieces of 40 ms.

const RATE = 24000;
const PIECE = 960;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / RATE;
    this.rest = new Float32Array(0);
    this.at = 0;
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
    this.peak = 0;
  }

  process([input]) {
    if (!input.length) return true;
    const samples = new Float32Array(this.rest.length + input[0].length);
    samples.set(this.rest);
    samples.set(input[0], this.rest.length);
    // Each output sample is the mean of the input that it stands for, which also keeps out what is above 12 kHz.
    while (this.at + this.step <= samples.length) {
      const first = Math.floor(this.at);
      const last = Math.max(first + 1, Math.floor(this.at + this.step));
      let sum = 0;
      for (let i = first; i < last; i++) sum += samples[i];
      this.put(sum / (last - first));
      this.at += this.step;
    }
    const used = Math.floor(this.at);
    this.rest = samples.slice(used);
    this.at -= used;
    return true;
  }

  put(sample) {
    this.peak = Math.max(this.peak, Math.abs(sample));
    this.piece[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32767)));
    if (this.filled === PIECE) {
      this.port.postMessage({ pcm: this.piece.slice(), peak: this.peak });
      this.filled = 0;
      this.peak = 0;
    }
  }
}

registerProcessor("capture", Capture);
