// Looks for a code in a picture beside the page: a look may take seconds, and the page must answer meanwhile.
import { type Pixels, textIn } from './qr-look';

self.onmessage = (event: MessageEvent<Pixels>) => {
  self.postMessage(textIn(event.data));
};
